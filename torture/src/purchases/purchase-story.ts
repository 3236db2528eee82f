import { defineEvents, type StandardSchemaV1 } from '@commitcast/events'

/** What a customer wants, and how the services behave about it. */
export interface Order {
  readonly item: string
  readonly count: number
  readonly wallet: string
  readonly price: number
  /** How long a purchase waits for each service. */
  readonly patienceMs: number
  /** The service that gives no answer, before or after it has done its work. */
  readonly silent?: { readonly service: ServiceName; readonly when: 'before' | 'after' }
}

/** Stock and wallets work the same way: each has accounts that something is taken from, and given back to. */
export type ServiceName = 'stock' | 'wallet'
export const services: readonly ServiceName[] = ['stock', 'wallet']

/** What a service is asked for, and to undo. `attempt` is the id of the request that began the purchase, this time. */
export interface Wanted {
  readonly purchase: string
  readonly attempt: string
  readonly amount: number
  readonly silent?: 'before' | 'after' | undefined
}

export interface Answered {
  readonly purchase: string
  readonly attempt: string
}

export type End = 'completed' | 'outOfStock' | 'tooPoor' | 'cancelled' | 'timedOut'

/** The two processes. Those of the second begin anew when a purchase that has ended is requested again. */
export const processes = { purchases: 'p-', repurchases: 'r-' } as const
export type ProcessName = keyof typeof processes

/** Nobody checks data of one's own. */
function data<T>(): { readonly data: StandardSchemaV1<T> } {
  return { data: { '~standard': { version: 1, vendor: 'torture', validate: (value) => ({ value: value as T }) } } }
}

export const purchaseEvents = defineEvents({
  'purchase.requested': data<Order>(),
  'purchase.cancelled': data<{ purchase: string }>(),
  'purchase.wrapped': data<{ purchase: string }>(),
  'purchase.ended': data<Answered & { how: End }>(),
  'stock.wanted': data<Wanted>(),
  'stock.taken': data<Answered>(),
  'stock.refused': data<Answered>(),
  'stock.unwanted': data<Answered>(),
  'wallet.wanted': data<Wanted>(),
  'wallet.taken': data<Answered>(),
  'wallet.refused': data<Answered>(),
  'wallet.unwanted': data<Answered>(),
})
export type PurchaseEvents = typeof purchaseEvents

/** Some of what there is runs out in a run, the rest does not. */
export const items = { scarce: 6, plenty: 10 }
export const wallets = { scarce: 6, plenty: 14 }
const [few, many] = [20, 1_000_000]

/** Which purchases were requested; accounts; and movements, which are only ever added. */
export const purchaseTables = `
  create table torture.requested (purchase text primary key);
  create table torture.account (
    service text not null, name text not null, initial bigint not null, available bigint not null, primary key (service, name));
  insert into torture.account select service, name, initial, initial from (
    ${[accountsOf('stock', items), accountsOf('wallet', wallets)].join(' union all ')}) as given;
  create table torture.movement (
    number bigint generated always as identity, service text not null, account text not null, purchase text not null, attempt uuid not null,
    amount bigint not null, cause uuid not null);
  create index on torture.movement (attempt);`

function accountsOf(service: ServiceName, { scarce, plenty }: { scarce: number; plenty: number }): string {
  return `select '${service}' as service, '${service}-' || i as name, case when i <= ${scarce} then ${few} else ${many} end as initial
    from generate_series(1, ${scarce + plenty}) as i`
}
