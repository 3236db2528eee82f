import type pg from 'pg'

/** What is wrong with purchases, and what became of them; nothing is wrong where the first four are 0 and `conserved` is true. */
export interface PurchasesVerdict {
  /** Requests and other inputs that no instance got, purchases that have no instance, and those that ended without saying so. */
  readonly lost: number
  /** Inputs, ends, movements of stock and of money that happened twice. */
  readonly twice: number
  /** Instances that are not finished, and events that are still held, or scheduled, though nothing moves any more. */
  readonly stuck: number
  /** Transitions by a time-out that an earlier transition had cancelled or replaced. */
  readonly firedAfterCancel: number
  /** Whether stock and money are what they were at first, without what completed purchases took. */
  readonly conserved: boolean
  /** Requests that began a purchase, and how those ended. */
  readonly begun: number
  readonly completed: number
  readonly outOfStock: number
  readonly tooPoor: number
  readonly cancelled: number
  readonly timedOut: number
  /** Those that began anew after an end. */
  readonly restarted: number
  /** Events that waited for their instance. */
  readonly held: number
  /** Time-outs that were cancelled or replaced after they had fired, and that nothing came of. */
  readonly stale: number
}

/** Of the purchases' events: what is appended for the process, and by it. */
const isPurchases = `type ~ '^(purchase|stock|wallet)\\.' or type = 'commitcast.timeout'`
/** How many events there are that the ledger does not have. */
export const purchaseEventsCount = `select count(*) from commitcast.outbox where ${isPurchases}`
/** What has yet to happen until every purchase has ended. */
export const openCount = `select (
  (select count(*) from commitcast.process_instance where finished_at is null) + (select count(*) from commitcast.process_held)
  + (select count(*) from commitcast.scheduled_event))::int as count`

/** Each input of an instance as a row: its event, its process and its instance. */
const inputs = `
  select id, case when instance like 'r-%' then 'repurchases' else 'purchases' end as process, instance, type from (
    select id, type, case type when 'purchase.requested' then key when 'commitcast.timeout' then data ->> 'instance'
      else data ->> 'purchase' end as instance
    from commitcast.outbox
    where type in ('purchase.requested', 'purchase.cancelled', 'purchase.wrapped', 'stock.taken', 'stock.refused', 'wallet.taken',
      'wallet.refused') or (type = 'commitcast.timeout' and data ->> 'held' is null)) as given`

const ends = `select id, (data ->> 'attempt')::uuid as attempt, data ->> 'how' as how from commitcast.outbox where type = 'purchase.ended'`

/** Each query says what is wrong, a row for each case. */
const wrongs = {
  lost: [
    `select format('%s of %s, event %s, reached no instance', type, instance, id) as words from (${inputs}) as input
     where not exists (select from commitcast.process_history as h where h.process = input.process and h.event_id = input.id)`,
    `select format('%s was requested and has no instance', purchase) as words from torture.requested
     where purchase not in (select instance from commitcast.process_instance)`,
    `select format('%s, incarnation %s, ended without an event', h.instance, h.incarnation) as words
     from commitcast.process_history as h join commitcast.process_instance as p using (process, instance)
     where h.outcome = 'started' and (p.incarnation > h.incarnation or p.finished_at is not null)
       and not exists (select from (${ends}) as e where e.attempt = h.event_id)`,
  ],
  twice: [
    `select format('%s took event %s %s times', instance, event_id, count(*)) as words
     from commitcast.process_history group by process, instance, event_id having count(*) > 1`,
    `select format('incarnation %s of %s began %s times', incarnation, instance, count(*)) as words
     from commitcast.process_history where outcome = 'started' group by process, instance, incarnation having count(*) > 1`,
    `select format('attempt %s ended %s times', attempt, count(*)) as words from (${ends}) as e group by attempt having count(*) > 1`,
    `select format('%s moved %s times for attempt %s', service, count(*), attempt) as words
     from torture.movement group by service, attempt, amount < 0 having count(*) > 1`,
    `select format('event %s was appended %s times', id, count(*)) as words from commitcast.outbox where ${isPurchases} group by id having count(*) > 1`,
  ],
  stuck: [
    `select format('%s is %s and waits for time-outs %s', instance, status, timeouts) as words
     from commitcast.process_instance where finished_at is null`,
    `select format('%s is held for %s', type, instance) as words from commitcast.process_held`,
    `select format('%s of %s is scheduled for %s', name, owner, at) as words from commitcast.scheduled_event`,
  ],
  // A time-out's cause is the input whose transition set it.
  firedAfterCancel: [
    `select format('%s, incarnation %s: %s set by event %s fired after event %s', fired.instance, fired.incarnation, fired.input, setter.event_id,
       (select event_id from commitcast.process_history as later where ${undoes('later')} order by number limit 1)) as words
     from commitcast.process_history as fired join commitcast.outbox as o on o.id = fired.event_id
     join commitcast.process_history as setter on setter.process = fired.process and setter.instance = fired.instance
       and setter.event_id::text = o.headers ->> 'causation'
     where fired.input like 'timeout:%' and fired.outcome = 'taken'
       and exists (select from commitcast.process_history as later where ${undoes('later')})`,
  ],
  conserved: [
    `select format('%s has %s, not %s', name, available, initial + moved) as words from torture.account
     left join lateral (select coalesce(sum(amount), 0) as moved from torture.movement as m
       where (m.service, m.account) = (account.service, account.name)) as all_moved on true
     where available <> initial + moved or available < 0`,
    `select format('attempt %s ended as %s: %s gave %s and got %s back', attempt, how, service, gave, back) as words
     from (${ends}) as e cross join (values ('stock'), ('wallet')) as s(service) cross join lateral (
       select coalesce(sum(-amount) filter (where amount < 0), 0) as gave, coalesce(sum(amount) filter (where amount > 0), 0) as back,
         count(*) as moves from torture.movement as m where m.service = s.service and m.attempt = e.attempt) as moved
     where case when how = 'completed' then gave = 0 or back > 0 or moves <> 1 else gave <> back end`,
    `select format('attempt %s of %s has taken %s, and never ended', attempt, purchase, -sum(amount)) as words from torture.movement
     where not exists (select from (${ends}) as e where e.attempt = movement.attempt) group by attempt, purchase having sum(amount) <> 0`,
  ],
} as const

/** Of the same instance, after the time-out was set and before it fired: ended what it was in, or set or cancelled the same one. */
function undoes(later: string): string {
  return `${later}.process = fired.process and ${later}.instance = fired.instance
    and ${later}.number > setter.number and ${later}.number < fired.number and ${later}.outcome in ('started', 'taken')
    and (${later}.incarnation <> setter.incarnation or ${later}.to_status in ('completed', 'failed')
      or ${later}.input = fired.input or ${later}.timeouts -> replace(fired.input, 'timeout:', '') is not null)`
}

const counted = `
  select (select count(*)::int from commitcast.process_history where outcome = 'started') as begun,
    (select count(*)::int from commitcast.process_history where outcome = 'started' and incarnation > 1) as restarted,
    (select count(*)::int from commitcast.process_history where outcome = 'stale') as stale,
    (select coalesce(pg_sequence_last_value(pg_get_serial_sequence('commitcast.process_held', 'number')), 0)::int) as held,
    ${['completed', 'outOfStock', 'tooPoor', 'cancelled', 'timedOut'].map((how) => `count(*) filter (where how = '${how}')::int as "${how}"`).join(', ')}
  from (${ends}) as e`

const maxExamples = 5

/** The ids of the purchases' events, which the ledger does not have. */
export async function readPurchaseEvents(database: pg.Pool): Promise<readonly string[]> {
  const { rows } = await database.query<{ id: string }>(`select id from commitcast.outbox where ${isPurchases}`)
  return rows.map(({ id }) => id)
}

/** Holds instances, their history and the movements against the events, and against each other. */
export async function checkPurchases(
  database: pg.Pool,
): Promise<PurchasesVerdict & { readonly examples: readonly string[] }> {
  await database.query(
    'analyze commitcast.process_history, commitcast.process_instance, commitcast.outbox, torture.movement',
  )
  const found = await Promise.all(
    Object.entries(wrongs).map(async ([kind, queries]) => [kind, await wordsOf(database, queries)] as const),
  )
  const { lost, twice, stuck, firedAfterCancel, conserved } = Object.fromEntries(found) as Record<
    keyof typeof wrongs,
    string[]
  >
  const { rows } = await database.query<Omit<PurchasesVerdict, keyof typeof wrongs>>(counted)
  return {
    lost: lost.length,
    twice: twice.length,
    stuck: stuck.length,
    firedAfterCancel: firedAfterCancel.length,
    conserved: conserved.length === 0,
    ...rows[0]!,
    examples: found.flatMap(([kind, words]) => words.slice(0, maxExamples).map((one) => `${kind}: ${one}`)),
  }
}

async function wordsOf(database: pg.Pool, queries: readonly string[]): Promise<string[]> {
  const all = await Promise.all(queries.map((query) => database.query<{ words: string }>(query)))
  return all.flatMap(({ rows }) => rows.map(({ words }) => words))
}
