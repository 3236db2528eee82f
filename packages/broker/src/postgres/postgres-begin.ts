import pg from 'pg'
import { AppendConflict } from '../errors.ts'
import type { Parts } from './postgres-parts.ts'

type Place = readonly unknown[]

/**
 * Has a log without messages begin after an offset, by a row at that offset that stands for what came before: its id is
 * empty, and it is always the oldest one. The lock keeps appends out, which compare with rows that they can see; they take
 * milliseconds, and a log begins once.
 */
export async function beginRows({ topic, schema, query, watch }: Parts, at: { place: Place; after: number }) {
  const [name, epoch, partition] = at.place as [string, number, number]
  const { after } = at
  // Statements that are sent together take no parameters.
  const where = `where topic = ${pg.escapeLiteral(name)} and epoch = ${epoch} and partition = ${partition}`
  const payload = watch.payload(topic, partition, after)
  if (after > 0) {
    await query(`
      select set_config('synchronous_commit', 'on', true), set_config('lock_timeout', '5s', true);
      lock table ${schema}.message in share row exclusive mode;
      delete from ${schema}.message ${where} and id = '' and "offset" < ${after}
        and not exists (select from ${schema}.message ${where} and id <> '');
      insert into ${schema}.message (topic, epoch, partition, "offset", id, type, key, time, tx, headers, body)
      select ${pg.escapeLiteral(name)}, ${epoch}, ${partition}, ${after}, '', '', '', '', '', '{}', ''
      where not exists (select from ${schema}.message ${where});
      select pg_notify('${schema}', ${pg.escapeLiteral(payload)});`)
    watch.grown(topic, partition, after)
  }
  const { rows } = await query<{ offset: string; id: string }>(
    `select "offset", id from ${schema}.message
     where topic = $1 and epoch = $2 and partition = $3 order by "offset" desc limit 1`,
    at.place,
  )
  const newest = rows[0] ?? { offset: 0, id: '' }
  if (Number(newest.offset) === after && isBeginning(newest)) return
  throw AppendConflict.begun(topic.name, partition, after)
}

/** The oldest offset that can be read. */
export async function readFirst({ schema, query }: Pick<Parts, 'schema' | 'query'>, place: Place): Promise<number> {
  const { rows } = await query<{ offset: string; id: string }>(
    `select "offset", id from ${schema}.message
     where topic = $1 and epoch = $2 and partition = $3 order by "offset" limit 1`,
    place,
  )
  const [oldest] = rows
  if (!oldest) return 1
  return isBeginning(oldest) ? Number(oldest.offset) + 1 : Number(oldest.offset)
}

/** Whether a row is no message, but stands for what came before the first one. */
export function isBeginning({ id }: { readonly id: string }): boolean {
  return id === ''
}
