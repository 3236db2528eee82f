import { createCommitcast, stateType } from 'commitcast'
import { expect, test } from 'vitest'
import { events, type Purchase } from './open-purchases.ts'

const define = () => {
  const cast = createCommitcast({ app: 'types', events, connectionString: 'postgres://localhost:1/none' })
  return cast.process('purchase', {
    state: stateType<Extract<Purchase, { status: 'reserving' | 'failed' }>>(),
    instance: { 'purchase.requested': (event) => event.key, 'stock.refused': (event) => event.data.purchaseId },
    timeouts: ['patience'],
    ends: ['failed'],
  })
}
const none = { 'purchase.requested': 'ignore', 'stock.refused': 'ignore' } as const

test('each pair of status and input has a transition, or it does not compile', () => {
  expect(() =>
    define().transitions({
      none: { 'purchase.requested': () => ({ state: { status: 'reserving', total: 1 } }), 'stock.refused': 'ignore' },
      // @ts-expect-error the time-out is missing
      reserving: { 'purchase.requested': 'ignore', 'stock.refused': 'ignore' },
    }),
  ).toThrow('"reserving" has no transition for "timeout:patience"')
  // @ts-expect-error a status is missing
  expect(() => define().transitions({ none })).toThrow('no event creates an instance')
})

test('a transition gets the state of its status and the data of its event', () => {
  define().transitions({
    none: {
      'purchase.requested': ({ data }) => ({ state: { status: 'reserving', total: data.total } }),
      'stock.refused': 'park',
    },
    reserving: {
      'purchase.requested': 'ignore',
      'stock.refused': ({ total }, { data }) => ({
        state: { status: 'failed', reason: `${data.purchaseId.length} ${total.toFixed()}` },
      }),
      'timeout:patience': (_, { name }) => ({ state: { status: 'failed', reason: name satisfies 'patience' } }),
    },
  })
})

test('an unknown event, time-out, status or field does not compile', () => {
  const misspelt = () =>
    define().transitions({
      none: {
        // @ts-expect-error no such time-out
        'purchase.requested': () => ({
          state: { status: 'reserving', total: 1 },
          timeouts: { patients: { afterMs: 1 } },
        }),
        // @ts-expect-error no such word
        'stock.refused': 'drop',
      },
      reserving: {
        // @ts-expect-error no such event
        'purchase.requested': () => ({ append: { type: 'purchase.faild', key: 'a', data: { reason: '' } } }),
        // @ts-expect-error no such status
        'stock.refused': () => ({ state: { status: 'refused' } }),
        'timeout:patience': () => ({ state: { status: 'failed', reason: '' } }),
      },
    })
  expect(misspelt).toThrow('the transition of "none" for "stock.refused" is "drop"')
  const surplus = () =>
    define().transitions({
      none: { ...none, 'purchase.requested': () => ({ state: { status: 'reserving', total: 1 } }) },
      reserving: { ...none, 'timeout:patience': 'ignore' },
      // @ts-expect-error no such status
      paying: {},
    })
  expect(surplus).toThrow('"paying" has no transition for "purchase.requested"')
})
