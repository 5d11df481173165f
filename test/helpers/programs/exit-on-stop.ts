/** A control server whose `stop` ends the process on the spot. Argument: the socket. */
import { startControlServer } from '../../../src/control/server.ts';
import { FakeDaemon } from '../../control/fake-daemon.ts';
import { quiet } from '../quiet.ts';

const api = new FakeDaemon();
api.stop = () => process.exit(0);
await startControlServer({ socket: process.argv[2] ?? '', api, version: '1', log: quiet });
process.stdout.write('serving\n');
