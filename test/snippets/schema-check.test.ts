import type { BreaksOldEvents } from 'commitcast'
import { expect, expectTypeOf, test } from 'vitest'
import { eventsOfV1 } from './schema-v1.ts'
import { events } from './schema-v2.ts'

// #region types
test('events of version 1 can still be read', () => {
  expectTypeOf<BreaksOldEvents<typeof eventsOfV1, typeof events>>().toBeNever()
})
// #endregion types

// #region step
test('a name is split at its first space, and the result fits the schema', async () => {
  const old = await eventsOfV1.validate('customer.joined', { name: 'Ada King Lovelace', joinedOn: new Date(0) })
  const step = events.definitions['customer.joined'].upcast[1]
  const data = step(old as Parameters<typeof step>[0])
  expect(data).toEqual({ firstName: 'Ada', lastName: 'King Lovelace', joinedOn: new Date(0) })
  expect(await events.validate('customer.joined', data)).toEqual(data)
})
// #endregion step
