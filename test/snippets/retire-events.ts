import type { Topic } from 'commitcast'
import { type KyselyLike, retireEvents, sqlOf } from 'commitcast/operations'

/** Retires what is older than two weeks (the default is one, the least a day) and stored on the broker. */
export function retireOldDays(db: KyselyLike, topic: Topic) {
  return retireEvents(sqlOf(db), {
    keepMs: 14 * 86_400_000,
    storedUpTo: async (partition) => (await topic.last(partition))?.offset ?? 0,
  })
}
