import { Duplex } from 'node:stream';

/** Frame types and flags as ngrok's SDK speaks them. */
const TYPE = { reset: 0, data: 1, windowIncrement: 2, goAway: 3 } as const;
const FIN = 0x1;
const SYN = 0x2;
const HEAD_BYTES = 8;
/** Bytes a side may send on a stream before the other has read any. Fixed by the protocol. */
const WINDOW = 0x4_0000;
const STREAM_CLOSED = 4;
const MAX_PAYLOAD = 0x8000;

export interface MuxadoEvents {
  /** The peer opened a stream. */
  readonly onStream: (stream: MuxadoStream) => void;
  readonly onClose: () => void;
}

/** The server's end of a muxado session: many streams over one connection. */
export class MuxadoSession {
  readonly #socket: Duplex;
  readonly #events: MuxadoEvents;
  readonly #streams = new Map<number, MuxadoStream>();
  #buffered: Buffer = Buffer.alloc(0);
  #nextId = 2;
  #closed = false;

  constructor(socket: Duplex, events: MuxadoEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.#end());
  }

  open(): MuxadoStream {
    const id = this.#nextId;
    this.#nextId += 2;
    return this.#add(id);
  }

  get streams(): number {
    return this.#streams.size;
  }

  send(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.#closed) return;
    const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
    frame.writeUIntBE(payload.length, 0, 3);
    frame[3] = (type << 4) | flags;
    frame.writeUInt32BE(id, 4);
    payload.copy(frame, HEAD_BYTES);
    this.#socket.write(frame);
  }

  forget(id: number): void {
    this.#streams.delete(id);
  }

  #add(id: number): MuxadoStream {
    const stream = new MuxadoStream(this, id);
    this.#streams.set(id, stream);
    return stream;
  }

  #read(chunk: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    while (this.#buffered.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.#buffered.readUIntBE(0, 3);
      if (this.#buffered.length < end) return;
      const [kind = 0, id] = [this.#buffered[3], this.#buffered.readUInt32BE(4) & 0x7fff_ffff];
      const payload = this.#buffered.subarray(HEAD_BYTES, end);
      this.#buffered = this.#buffered.subarray(end);
      this.#frame(kind >> 4, kind & 0xf, id, payload);
    }
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === TYPE.goAway) {
      this.#socket.end();
      return;
    }
    const fresh = type === TYPE.data && (flags & SYN) !== 0;
    const stream = fresh ? this.#add(id) : this.#streams.get(id);
    if (stream === undefined) {
      if (type === TYPE.data && payload.length > 0) this.send(TYPE.reset, 0, id, number(STREAM_CLOSED));
      return;
    }
    if (fresh) this.#events.onStream(stream);
    if (type === TYPE.reset) stream.wasReset();
    if (type === TYPE.windowIncrement) stream.granted(payload.readUInt32BE(0));
    if (type === TYPE.data) stream.received(payload, (flags & FIN) !== 0);
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of [...this.#streams.values()]) stream.wasReset();
    this.#events.onClose();
  }
}

/** One stream, with the protocol's flow control in both directions. */
export class MuxadoStream extends Duplex {
  readonly #session: MuxadoSession;
  readonly #id: number;
  #opened: boolean;
  #window = WINDOW;
  #unread = 0;
  #finished = false;
  #reset = false;
  #waiting: (() => void) | undefined;

  constructor(session: MuxadoSession, id: number) {
    super({ allowHalfOpen: true });
    this.#session = session;
    this.#id = id;
    this.#opened = id % 2 === 1;
    this.on('error', () => {});
  }

  /** What `http.request` asks of a connection; a stream has no use for any of it. */
  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  received(payload: Buffer, fin: boolean): void {
    if (payload.length > 0 && !this.destroyed) {
      this.#unread += payload.length;
      if (this.push(payload)) this.#grant();
    }
    if (fin) this.push(null);
  }

  granted(bytes: number): void {
    this.#window += bytes;
    const go = this.#waiting;
    this.#waiting = undefined;
    go?.();
  }

  wasReset(): void {
    this.#reset = true;
    this.destroy(Object.assign(new Error('the stream was reset'), { code: 'ECONNRESET' }));
  }

  override _read(): void {
    this.#grant();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#send(chunk, done);
  }

  override _final(done: () => void): void {
    this.#finished = true;
    this.#data(Buffer.alloc(0), FIN);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // As the edge does when a visitor leaves: a FIN, and a reset only for what still comes after that.
    if (!this.#reset && !this.#finished) this.#data(Buffer.alloc(0), FIN);
    this.#session.forget(this.#id);
    done(error);
  }

  #grant(): void {
    if (this.#unread === 0 || this.destroyed) return;
    this.#session.send(TYPE.windowIncrement, 0, this.#id, number(this.#unread));
    this.#unread = 0;
  }

  #send(chunk: Buffer, done: (error?: Error) => void): void {
    const size = Math.min(chunk.length, this.#window, MAX_PAYLOAD);
    if (size > 0) {
      this.#window -= size;
      this.#data(chunk.subarray(0, size), 0);
    }
    const rest = chunk.subarray(size);
    if (rest.length === 0) done();
    else if (this.#window > 0) this.#send(rest, done);
    else this.#waiting = () => this.#send(rest, done);
  }

  #data(payload: Buffer, flags: number): void {
    this.#session.send(TYPE.data, flags | (this.#opened ? 0 : SYN), this.#id, payload);
    this.#opened = true;
  }
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
