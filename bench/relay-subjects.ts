import type { Origin } from './origin.ts';
import { addNginx, addNodeProxyPair, addSsh } from './peers.ts';
import { at, SubjectList } from './subject-list.ts';
import { addEmbedded, addSplit, addSplitOverTls } from './subjects.ts';

/** A relay next to what one could use instead. */
export function startRelaySubjects(origin: Origin, token: string): Promise<SubjectList> {
  return SubjectList.build(async (subjects) => {
    const env = { ORIGIN_PORT: String(origin.port), BENCH_TOKEN: token };
    subjects.add('direct', at(origin.port), []);
    await addNginx(subjects, origin, token);
    await addNodeProxyPair(subjects, env);
    await addSsh(subjects, origin);
    await addEmbedded(subjects, env);
    await addSplit(subjects, env);
    await addSplitOverTls(subjects, env);
  });
}
