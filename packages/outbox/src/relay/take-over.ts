import { Diverged, type Position, type Topic } from '@commitcast/broker'
import type { Message } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import { readPages } from '../pages/read-pages.ts'

export interface TakeOverOptions {
  readonly sql: Sql
  readonly schema: string
  readonly topic: Topic
  readonly partition: number
}

/**
 * After any doubt (start, take-over, time-out, conflict): asks the broker where the partition ends and checks that the
 * page log gave that offset to that very event. Throws `Diverged` where it did not.
 */
export async function findEnd(options: TakeOverOptions): Promise<number> {
  const last = await options.topic.last(options.partition)
  if (!last) return 0
  const given = await givenAt(options, last.offset)
  if (given && (last.id === '' || given.id === last.id)) return last.offset
  throw diverged(options, last, given)
}

/**
 * The given messages that the broker lacks, a page at a time. What another relay gave may not have been flushed before it
 * vanished, so one commit of our own, which waits for the disk, comes first (P1).
 */
export async function* missingMessages(
  { sql, schema, topic, partition }: TakeOverOptions,
  after: number,
): AsyncGenerator<readonly Message[]> {
  await sql.query(`select set_config('synchronous_commit', 'on', true), pg_current_xact_id()`)
  for (let next = after; ; ) {
    const [page] = await readPages(sql, { schema, epoch: topic.epoch, partition, after: next })
    if (!page) return
    const messages = page.messages.filter((message) => message.offset > next)
    next += messages.length
    yield messages
  }
}

async function givenAt({ sql, schema, topic, partition }: TakeOverOptions, offset: number) {
  const [page] = await readPages(sql, { schema, epoch: topic.epoch, partition, after: offset - 1 })
  return page?.messages.find((message) => message.offset === offset)
}

function diverged({ topic, partition }: TakeOverOptions, last: Position, given: Message | undefined): Diverged {
  const ours = given ? `the outbox gave it to event ${given.id}` : 'the outbox never gave it'
  return new Diverged(
    `Offset ${last.offset} of ${topic.name}, partition ${partition}, holds event ${last.id} on the broker; ${ours}. ` +
      'Something else wrote to the topic, or the database is an older copy.',
  )
}
