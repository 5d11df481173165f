// Stands in for the daemon's program: does what FAKE_DAEMON says, and notes how it was started.
import { appendFileSync, existsSync, readFileSync, writeSync } from 'node:fs';

const mode = process.env.FAKE_DAEMON;
appendFileSync(
  process.env.FAKE_NOTES,
  `${JSON.stringify({ argv: process.argv.slice(2), cwd: process.cwd(), pid: process.pid, config: process.env.TUNNELD_CONFIG })}\n`,
);
const say = (line) => writeSync(3, `${JSON.stringify(line)}\n`);

if (mode === 'ready') {
  say({ ready: true, pid: process.pid });
  setTimeout(() => process.exit(0), 20_000);
}
if (mode === 'refuses')
  say({ error: { code: 'PORT_IN_USE', message: 'port 7575 is taken', remedy: 'Free it.' } });
if (mode === 'rival')
  say({ error: { code: 'DAEMON_ALREADY_RUNNING', message: 'pid 1 is running', remedy: 'Use it.' } });
if (mode === 'news') say({ error: { code: 'FROM_THE_FUTURE', message: 'something new', remedy: 'Wait.' } });
if (mode === 'babbles') {
  writeSync(3, 'hello\n');
  setInterval(() => {}, 1_000);
}
if (mode === 'crashes') {
  process.stderr.write('line one\nSyntaxError: nothing works\n');
  process.exit(7);
}
if (mode === 'hangs') {
  say({ doing: 'reading its configuration' });
  setInterval(() => {}, 1_000);
}
if (mode === 'slow') {
  // A step for each line that the test writes into a file.
  let said = 0;
  const look = setInterval(() => {
    const lines = existsSync(`${process.env.FAKE_NOTES}.steps`)
      ? readFileSync(`${process.env.FAKE_NOTES}.steps`, 'utf8').split('\n').slice(0, -1)
      : [];
    for (const doing of lines.slice(said)) say(doing === 'ready' ? { ready: true } : { doing });
    said = lines.length;
    if (lines.at(-1) === 'ready') clearInterval(look);
  }, 20);
}
if (mode === 'runs') {
  const alive = setInterval(() => {}, 1_000);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      process.stdout.write(`got ${signal}\n`);
      if (signal === 'SIGTERM') clearInterval(alive);
    });
  }
  process.stdout.write('running\n');
}
if (mode === 'bad-config') process.exit(78);
