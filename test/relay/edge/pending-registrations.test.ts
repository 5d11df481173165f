import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { PendingRegistrations } from '../../../src/relay/edge/pending-registrations.ts';

function enter(room: PendingRegistrations, count: number): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = new Socket();
    expect(room.enter(socket)).toBe(true);
    return socket;
  });
}

const gone = (sockets: readonly Socket[]) => sockets.map(({ destroyed }) => destroyed);

it('sends away whoever has been silent longest', () => {
  const room = new PendingRegistrations(3);
  const sockets = enter(room, 5);
  expect([gone(sockets), room.size]).toEqual([[true, true, false, false, false], 3]);
});

it('sends nobody away who said who it is, and takes nobody when all did', () => {
  const room = new PendingRegistrations(2);
  const [first, second] = enter(room, 2) as [Socket, Socket];
  room.spoke(first);
  enter(room, 1).forEach((socket) => {
    room.spoke(socket);
  });
  expect(gone([first, second])).toEqual([false, true]);
  expect(room.enter(new Socket())).toBe(false);
});

it('takes whoever was asked something for silent again, but for the latest to be so', () => {
  const room = new PendingRegistrations(2);
  const [asked, silent] = enter(room, 2) as [Socket, Socket];
  room.spoke(asked);
  room.listens(asked);
  enter(room, 1);
  expect(gone([asked, silent])).toEqual([false, true]);
  enter(room, 1);
  expect(asked.destroyed).toBe(true);
});

it('forgets a socket that closes by itself', async () => {
  const room = new PendingRegistrations(2);
  const [first] = enter(room, 2) as [Socket, Socket];
  first.destroy();
  await expect.poll(() => room.size).toBe(1);
});
