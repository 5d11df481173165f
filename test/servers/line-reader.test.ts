import { expect, it } from 'vitest';
import { LineReader } from '../../src/servers/bridge/line-reader.ts';

it.each(['\n', '\r\n'])('reads the same lines wherever the stream is cut, with %j between them', (eol) => {
  const text = Buffer.from(`event: message${eol}data: {}${eol}${eol}data: é${eol}`);
  for (let cut = 0; cut <= text.length; cut++) {
    const lines: string[] = [];
    const reader = new LineReader(100);
    for (const chunk of [text.subarray(0, cut), text.subarray(cut)])
      reader.push(chunk, (line) => lines.push(line));
    expect(lines, `cut at ${cut}`).toEqual(['event: message', 'data: {}', '', 'data: é']);
  }
});
