import { createCommitcast } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { connectionString, db } from './shop-database.ts'
import { events } from './shop-events.ts'

export const cast = createCommitcast({
  app: 'shop',
  events,
  db,
  broker: postgresBroker({ connectionString }),
  listenTo: connectionString,
})

// #region handler
/** A mail for each delivery. The receiver knows by the event's id that it has had this one. */
export const mail = cast.handler('mail', {
  'order.delivered': async (event, { signal }) => {
    const response = await fetch('https://mail.example/send', {
      method: 'POST',
      headers: { 'idempotency-key': event.id, 'content-type': 'application/json' },
      body: JSON.stringify({ to: event.data.customerId, about: event.key }),
      signal,
    })
    if (!response.ok) throw new Error(`The mail service answered ${response.status}.`)
  },
})
// #endregion handler

// #region options
export const webhooks = cast.handler(
  'webhooks',
  { 'order.placed': (event) => tellPartners(event.id, event.key) },
  {
    from: 'end', // a new group; without this it begins with the oldest event that is kept
    concurrency: 32,
    isOrdered: false, // partners don't mind the order, so nothing queues behind a parked event
    timeoutMs: 10_000,
    onFailure: { type: 'park', afterMs: 10_000, retryForMs: 3 * 86_400_000, limit: 1_000 },
  },
)
// #endregion options

// #region work
export async function work(signal: AbortSignal) {
  await cast.run({ roles: ['consume'], use: [mail, webhooks], signal })
}
// #endregion work

async function tellPartners(id: string, orderId: string): Promise<void> {
  await fetch('https://partner.example/hook', { method: 'POST', body: JSON.stringify({ id, orderId }) })
}
