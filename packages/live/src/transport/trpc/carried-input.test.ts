import { expect, test } from 'vitest'
import { carry, emptyInputTag, takeCursor, withTag } from './carried-input.ts'

const cursor = '1.1.0-5'

test.each([
  ['all', 'all'],
  [undefined, undefined],
  [{ room: 1 }, { room: 1 }],
  [{ room: 1, lastEventId: cursor }, { room: 1 }],
  [{ '~live': {}, room: 1, lastEventId: cursor }, { room: 1 }],
  [{ '~live': { args: [['a']] }, lastEventId: cursor }, ['a']],
  [{ '~live': { args: [] }, lastEventId: cursor }, undefined],
  [{ '~live': { args: [{ lastEventId: '42' }] }, lastEventId: cursor }, { lastEventId: '42' }],
])('what is carried beside an input is newer than what stands in it: %j', (raw, input) => {
  expect(takeCursor(carry(raw, '1.1.9-9'))).toMatchObject({ input, cursor: '1.1.9-9' })
})

test.each([{ lastEventId: '42' }, { lastEventId: 42 }, { lastEventId: null }, { lastEventId: 'restart' }])(
  'a field lastEventId of the application stays: %j',
  (input) => {
    expect(takeCursor(input)).toEqual({ input, cursor: undefined, isWrapped: false })
  },
)

test.each(['start', 'resync', '2.x.of-a-later-release'])('what is no place is a cursor all the same: %s', (text) => {
  expect(takeCursor({ room: 1, lastEventId: text })).toMatchObject({ input: { room: 1 }, cursor: text })
})

test.each([undefined, null, {}])('an empty input is known by the end of its cursor: %j', (input) => {
  for (const place of [cursor, '1.1.none-null', `${cursor}~0190-hint`]) {
    const tag = emptyInputTag(input)
    const lastEventId = tag === undefined ? place : withTag(place, tag)
    expect(takeCursor({ lastEventId })).toEqual({ input, cursor: lastEventId, isWrapped: false })
  }
})

test.each([
  new Map([['lastEventId', cursor]]),
  new Date(7),
  ['~live'],
  Object.assign(new (class Place {})(), { lastEventId: cursor }),
])('what is no plain object stays as it is: %j', (input) => {
  expect(takeCursor(input).input).toBe(input)
})
