// For `node --import`: every name under .localhost is this machine, as browsers and some systems have it.
import dns from 'node:dns';

const { lookup } = dns;
dns.lookup = (name, ...rest) => lookup(/\.localhost$/i.test(name) ? '127.0.0.1' : name, ...rest);
