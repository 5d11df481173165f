/** Saves the state again and again until it is killed, or its parent is gone. Argument: the state file. */
import { newAccessToken } from '../../../src/config/access-token.ts';
import { StateStore } from '../../../src/config/state.ts';

const store = new StateStore(process.argv[2] ?? '');
const parent = process.ppid;
for (let port = 1; parent !== 1 && process.ppid === parent; port = (port % 60_000) + 1) {
  const tokens = Array.from({ length: 200 }, (_, index) => ({
    id: `${index}`,
    value: newAccessToken(),
    createdAt: 0,
  }));
  store.save('figma', { spec: { port }, source: 'cli', desired: 'up', tokens });
  if (port === 1) process.stdout.write('saving\n');
}
