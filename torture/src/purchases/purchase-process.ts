import type { CommittedEvent } from '@commitcast/events'
import { appendAll, createToRows } from '@commitcast/outbox'
import { createProcess, type ProcessStep, stateType, type Transitions } from '@commitcast/stream'
import type { Sql } from '@commitcast/worker'
import type { InTransaction } from '../read-side/transaction.ts'
import {
  type Answered,
  type End,
  type Order,
  type ProcessName,
  type PurchaseEvents,
  processes,
  purchaseEvents,
  type ServiceName,
} from './purchase-story.ts'

interface Open {
  readonly purchase: string
  readonly attempt: string
  readonly order: Order
  readonly reminded: number
  readonly wrapped: boolean
}

type Purchase =
  | (Open & { readonly status: 'reserving' })
  | (Open & { readonly status: 'paying' })
  | { readonly status: 'completed' }
  | { readonly status: 'failed' }

type Timeout = 'patience' | 'reminder'
type Step = ProcessStep<PurchaseEvents, Purchase, Timeout>
type Input = keyof PurchaseEvents['definitions'] &
  ('purchase.requested' | `${ServiceName}.${'taken' | 'refused'}` | 'purchase.cancelled' | 'purchase.wrapped')

const mostReminded = 4
/** A run moves the server's clock by forty days. */
const keptMs = 300 * 86_400_000

/** A process manager: takes what is wanted from stock, then the price from the wallet; gives back what was taken in vain. */
export function createPurchases(name: ProcessName, transaction: InTransaction) {
  const mine = (id: string) => (id.startsWith(processes[name]) ? id : undefined)
  const ofPurchase = ({ data }: { readonly data: { readonly purchase: string } }) => mine(data.purchase)
  const toRows = createToRows(purchaseEvents, {})
  return createProcess<Sql>({
    name,
    rules: rules as never,
    transaction,
    encode: toRows as never,
    async append(trx, rows) {
      const { text, values } = appendAll('commitcast', rows)
      await trx.query(text, values)
    },
    definition: {
      state: stateType<Purchase>(),
      instance: {
        'purchase.requested': ({ key }: CommittedEvent) => mine(key),
        'purchase.cancelled': ofPurchase,
        'purchase.wrapped': ofPurchase,
        'stock.taken': ofPurchase,
        'stock.refused': ofPurchase,
        'wallet.taken': ofPurchase,
        'wallet.refused': ofPurchase,
      },
      timeouts: ['patience', 'reminder'],
      ends: ['completed', 'failed'],
      restarts: name === 'repurchases',
      holdMs: keptMs,
      historyMs: keptMs,
    } as never,
  })
}

const rules: Transitions<PurchaseEvents, Purchase, Input, Timeout, 'completed' | 'failed'> = {
  none: {
    'purchase.requested': ({ id: attempt, key: purchase, data: order }) => ({
      state: { status: 'reserving', purchase, attempt, order, reminded: 0, wrapped: false },
      append: wanted('stock', { purchase, attempt, order }),
      timeouts: { patience: { afterMs: order.patienceMs }, reminder: { afterMs: order.patienceMs / 3 } },
    }),
    'purchase.cancelled': 'hold',
    'purchase.wrapped': 'hold',
    'stock.taken': 'park',
    'stock.refused': 'park',
    'wallet.taken': 'park',
    'wallet.refused': 'park',
  },
  reserving: {
    'purchase.requested': 'ignore',
    'purchase.cancelled': (open) => ended(open, 'cancelled', ['stock']),
    'purchase.wrapped': (open) => ({ state: { ...open, wrapped: true } }),
    'stock.taken': (open, event) =>
      answers(open, event, () => ({
        state: { ...open, status: 'paying' },
        append: wanted('wallet', open),
        timeouts: { patience: { afterMs: open.order.patienceMs }, reminder: 'cancel' },
      })),
    'stock.refused': (open, event) => answers(open, event, () => ended(open, 'outOfStock', [])),
    'wallet.taken': 'ignore',
    'wallet.refused': 'ignore',
    'timeout:patience': (open) => ended(open, 'timedOut', ['stock']),
    'timeout:reminder': (open) => reminded(open),
  },
  paying: {
    'purchase.requested': 'ignore',
    'purchase.cancelled': (open) => ended(open, 'cancelled', ['stock', 'wallet']),
    'purchase.wrapped': (open) => ({ state: { ...open, wrapped: true } }),
    'stock.taken': 'ignore',
    'stock.refused': 'ignore',
    'wallet.taken': (open, event) => answers(open, event, () => ended(open, 'completed', [])),
    'wallet.refused': (open, event) => answers(open, event, () => ended(open, 'tooPoor', ['stock'])),
    'timeout:patience': (open) => ended(open, 'timedOut', ['stock', 'wallet']),
    'timeout:reminder': 'ignore',
  },
}

/** An answer may be to a request that has ended meanwhile: that one has given back what it got. */
function answers(open: Open, event: { readonly data: Answered }, act: () => Step): Step {
  return event.data.attempt === open.attempt ? act() : {}
}

function accountOf(service: ServiceName, { item, wallet }: Order): string {
  return service === 'stock' ? item : wallet
}

function wanted(service: ServiceName, { purchase, attempt, order }: Pick<Open, 'purchase' | 'attempt' | 'order'>) {
  const silent = order.silent?.service === service ? order.silent.when : undefined
  const amount = service === 'stock' ? order.count : order.price
  return {
    type: `${service}.wanted`,
    key: accountOf(service, order),
    data: { purchase, attempt, amount, ...(silent && { silent }) },
  } as const
}

/** Ends it; `inVain` are the services that may have taken something, or still may. */
function ended({ purchase, attempt, order }: Open, how: End, inVain: readonly ServiceName[]): Step {
  const about: Answered = { purchase, attempt }
  return {
    state: { status: how === 'completed' ? 'completed' : 'failed' },
    append: [
      { type: 'purchase.ended', key: purchase, data: { ...about, how } },
      ...inVain.map(
        (service) => ({ type: `${service}.unwanted`, key: accountOf(service, order), data: about }) as const,
      ),
    ],
  }
}

/** Sets itself again, so that it often fires while it is cancelled. */
function reminded(open: Open & { readonly status: 'reserving' }): Step {
  const state = { ...open, reminded: open.reminded + 1 }
  if (state.reminded === mostReminded) return { state }
  return { state, timeouts: { reminder: { afterMs: open.order.patienceMs / 3 } } }
}
