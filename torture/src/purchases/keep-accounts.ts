import { randomUUID } from 'node:crypto'
import type { CommittedEvent } from '@commitcast/events'
import type { Project } from '@commitcast/stream'
import type { Sql } from '@commitcast/worker'
import type { ServiceName, Wanted } from './purchase-story.ts'

/** What is written: a movement, an event, or both. */
interface Done {
  readonly movements: {
    readonly account: string
    readonly purchase: string
    readonly attempt: string
    readonly amount: number
    readonly cause: string
  }[]
  readonly answers: object[]
}

/**
 * A service's projection: takes what is wanted from accounts, as long as there is enough, and gives back what is not wanted
 * any more, if it was taken. Its answers are appended in its transaction. It trusts that each event comes once.
 */
export function keepAccounts(service: ServiceName): Project<CommittedEvent, Sql> {
  return async (batch, trx) => {
    const own = batch.filter(({ type }) => type === `${service}.wanted` || type === `${service}.unwanted`)
    if (own.length === 0) return
    const names = [...new Set(own.map(({ key }) => key))]
    const accounts = await trx.query<{ name: string; available: string }>(
      `select name, available from torture.account where service = $1 and name = any($2) order by name for update`,
      [service, names],
    )
    const available = new Map(accounts.map((row) => [row.name, Number(row.available)]))
    const taken = await readTaken(trx, service, own)
    const done: Done = { movements: [], answers: [] }
    for (const event of own) {
      const { key: account, id: cause } = event
      const { purchase, attempt, amount, silent } = event.data as Wanted
      const isWanted = event.type === `${service}.wanted`
      const left = available.get(account)!
      const before = taken.get(attempt)
      if (isWanted && silent === 'before') continue
      if (isWanted && left < amount) {
        done.answers.push(answer(`${service}.refused`, { purchase, attempt }, event))
        continue
      }
      if (!isWanted && before === undefined) continue
      const moved = isWanted ? -amount : before!
      available.set(account, left + moved)
      if (isWanted) taken.set(attempt, amount)
      done.movements.push({ account, purchase, attempt, amount: moved, cause })
      if (isWanted && silent === undefined) done.answers.push(answer(`${service}.taken`, { purchase, attempt }, event))
    }
    await write(trx, service, done)
  }
}

async function readTaken(
  trx: Sql,
  service: ServiceName,
  events: readonly CommittedEvent[],
): Promise<Map<string, number>> {
  const attempts = events.map(({ data }) => (data as Wanted).attempt)
  const rows = await trx.query<{ attempt: string; amount: string }>(
    `select attempt, -amount as amount from torture.movement where service = $1 and attempt = any($2::uuid[]) and amount < 0`,
    [service, attempts],
  )
  return new Map(rows.map(({ attempt, amount }) => [attempt, Number(amount)]))
}

function answer(type: string, data: { readonly purchase: string; readonly attempt: string }, { id }: CommittedEvent) {
  return { id: randomUUID(), type, key: data.purchase, data, headers: { causation: id } }
}

async function write(trx: Sql, service: ServiceName, { movements, answers }: Done): Promise<void> {
  await trx.query(
    `with moved as (
       insert into torture.movement (service, account, purchase, attempt, amount, cause)
       select $1, account, purchase, attempt, amount, cause
       from json_to_recordset($2::json) as m(account text, purchase text, attempt uuid, amount bigint, cause uuid)
       returning account, amount
     )
     update torture.account as a set available = available + total
     from (select account, sum(amount) as total from moved group by account) as t where a.service = $1 and a.name = t.account`,
    [service, JSON.stringify(movements)],
  )
  if (answers.length > 0) await trx.query('select commitcast.append_all($1::json)', [JSON.stringify(answers)])
}
