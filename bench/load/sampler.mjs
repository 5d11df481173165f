/**
 * Loaded with `--import` into a process under load: says over IPC what the process holds. Timers are
 * counted as they are set, because those of a server do not keep it alive and are listed nowhere.
 */
const timers = new Set();
const { setTimeout: set, clearTimeout: clear } = globalThis;

globalThis.setTimeout = Object.assign((callback, delayMs, ...args) => {
  const timer = set(() => {
    timers.delete(timer);
    callback(...args);
  }, delayMs);
  timers.add(timer);
  return timer;
}, set);
globalThis.clearTimeout = (timer) => {
  timers.delete(timer);
  clear(timer);
};

process.on('message', ({ id, verb }) => {
  if (verb === 'sample') process.send({ id, result: sample() });
});
process.on('disconnect', () => process.exit(0));
process.channel?.unref();

function sample() {
  // Twice: the first finds what finalizers of the second must release.
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  const sockets = resources.filter((kind) => kind === 'TCPSocketWrap').length;
  return { rss, heapTotal, heapUsed, external, sockets, handles: resources.length, timers: timers.size };
}
