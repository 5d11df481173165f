import { notUnderstood, type Recipe } from './recipe.ts';

interface Destination {
  /** `TOKEN+force@pro.pinggy.io`, or the host alone. */
  readonly word: string | undefined;
  /** Of `-l`: what stands before the @ otherwise. */
  readonly user: string | undefined;
  /** Of `--token`. */
  readonly token: string | undefined;
}

const REGION = /^(us|eu|ap|br|au)\.(?:pro|free)\.pinggy\.io$/;

/** Who the line logs in as, and where. @throws {TunneldError} `IMPORT_NOT_UNDERSTOOD` */
export function readDestination({ word, user, token }: Destination, recipe: Recipe): void {
  const at = word?.lastIndexOf('@') ?? -1;
  const host = word === undefined ? undefined : at !== -1 ? word.slice(at + 1) : hostIn(word);
  const login = token ?? user ?? (at > 0 ? word?.slice(0, at) : host === undefined ? word : undefined);
  readHost(host, login !== undefined, recipe);
  if (login === undefined) {
    recipe.advise('Without a token a Pinggy session lasts 60 minutes, and the next one has another URL.');
    return;
  }
  const words = login.split('+');
  const name = words.filter((part) => !KEYWORDS.has(part));
  const keywords = words.filter((part) => KEYWORDS.has(part));
  const type = keywords.find((keyword) => OTHER_TYPES.has(keyword));
  if (type !== undefined) throw otherType(type);
  if (name.length > 1)
    throw notUnderstood('The user name of the Pinggy line has a keyword that nobody knows');
  for (const keyword of keywords) {
    if (keyword === 'force') recipe.same('+force', 'the default with a token');
    else recipe.same(`+${keyword}`, 'tunneld reads the URL itself, and logs in by itself');
  }
  const [value] = name;
  if (value === undefined || value === '') return;
  recipe.secret(value);
  recipe.carry('the token', 'pinggy.token', value);
  if (!keywords.includes('force') && recipe.get('pinggy.force') === undefined) {
    recipe.set('pinggy.force', false);
    recipe.notes.push({
      kind: 'carried',
      from: 'no +force',
      key: 'pinggy.force',
      remark: 'another tunnel with this token is not ended',
    });
  }
}

const KEYWORDS = new Set(['http', 'tcp', 'tls', 'tlstcp', 'udp', 'qr', 'aqr', 'auth', 'force']);
const OTHER_TYPES = new Set(['tcp', 'tls', 'tlstcp', 'udp']);

/** A word without an @ is a host, as ssh reads it, or a token, as Pinggy's client does. */
function hostIn(word: string): string | undefined {
  return word.includes('.') ? word : undefined;
}

function readHost(host: string | undefined, hasToken: boolean, recipe: Recipe): void {
  const implied = hasToken ? 'pro.pinggy.io' : 'free.pinggy.io';
  if (host === undefined || host === implied) {
    if (host !== undefined) recipe.same(host, hasToken ? 'the default with a token' : 'the default');
    return;
  }
  if (!/^[A-Za-z0-9.-]+$/.test(host)) throw notUnderstood('The host of the Pinggy line is no host name');
  const region = REGION.exec(host)?.[1];
  if (region !== undefined && host.endsWith(implied)) recipe.carry(host, 'pinggy.region', region);
  else recipe.carry(host, 'pinggy.server', host);
}

export function otherType(type: string): Error {
  return notUnderstood(
    `The Pinggy line makes a tunnel of another kind (${/^[a-z]{2,8}$/.test(type) ? type : '…'}), and tunneld carries HTTP`,
    'Keep that line as it is: tunneld cannot take its place.',
  );
}
