import { createCommitcast, defineEvents, isErased, type KeyProvider } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { z } from 'zod'
import { connectionString, db as shop } from './shop-database.ts'

// #region events
const customer = z.object({ customerId: z.string(), name: z.string(), email: z.string(), plan: z.string() })

export const events = defineEvents({
  'customer.registered': { data: customer, personal: { name: 'customerId', email: 'customerId' } },
  'customer.erased': { data: z.object({ customerId: z.string() }) },
})
// #endregion events

export const db = shop.withTables<{ customers: { id: string; name: string | null; plan: string } }>()
const broker = postgresBroker({ connectionString })
export const cast = createCommitcast({ app: 'shop', events, db, broker, listenTo: connectionString })

// #region erase
/** Says whether it is done now, and was not before. */
export function eraseCustomer(customerId: string) {
  return cast.erase(customerId, { event: { type: 'customer.erased', key: customerId, data: { customerId } } })
}
// #endregion erase

// #region projection
export const customers = cast.projection('customers', async (batch, trx) => {
  for (const { type, data } of batch) {
    if (type === 'customer.registered') {
      const { customerId: id, name, plan } = data
      // In a rebuild the customer may have been erased since.
      const row = { id, name: isErased(name) ? null : name, plan }
      await trx
        .insertInto('customers')
        .values(row)
        .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
        .execute()
    }
    if (type === 'customer.erased') {
      await trx.updateTable('customers').set({ name: null }).where('id', '=', data.customerId).execute()
    }
  }
})
// #endregion projection

// #region live
export const live = cast.live({ channels: (event) => [`customer:${event.key}`, 'support'] }).enrich('contact', {
  id: (event) => event.data.customerId,
  load: contactsById,
  // Whose it is: then the live message holds it encrypted.
  personal: (event) => event.data.customerId,
})

/** Support sees who did what; the statistics on the wall do not. */
export const supportEvents = live.subscription<{ isSupport: boolean }, unknown>({
  channels: () => ['support'],
  authorize: 'everyone',
  personal: ({ ctx }) => (ctx.isSupport ? 'clear' : 'erased'),
})
// #endregion live

async function contactsById(ids: readonly string[]) {
  const rows = await db.selectFrom('customers').select(['id', 'name']).where('id', 'in', ids).execute()
  return new Map(rows.map(({ id, name }) => [id, name ?? 'unknown']))
}

// #region once
interface Registration extends z.infer<typeof customer> {
  readonly key: string
}

/** The answer holds personal data, so it is stored encrypted. */
export function register({ key, ...data }: Registration) {
  return db.transaction().execute((trx) =>
    cast.once(
      trx,
      { key, caller: data.customerId },
      async () => {
        await cast.append(trx, { type: 'customer.registered', key: data.customerId, data })
        return { welcome: `Hello, ${data.name}.` }
      },
      { personal: data.customerId },
    ),
  )
}
// #endregion once

/** A key management service, as its client library may look. */
interface KeyService {
  encrypt(request: { keyId: string; plaintext: Uint8Array; context: object }): Promise<Uint8Array>
  decrypt(request: { keyId: string; ciphertext: Uint8Array; context: object }): Promise<Uint8Array>
}

// #region keys
export function keysOf(service: KeyService, keyId: string): KeyProvider {
  return {
    wrap: (key, subject) => service.encrypt({ keyId, plaintext: key, context: { subject } }),
    unwrap: (wrapped, subject) => service.decrypt({ keyId, ciphertext: wrapped, context: { subject } }),
  }
}
// #endregion keys

export async function work(signal: AbortSignal) {
  await cast.run({ use: [live, customers], signal })
}
