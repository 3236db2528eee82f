// #region kit
import { given } from 'commitcast/testing'
import { test } from 'vitest'
import { join, open, RoomRefuses, room, say } from './chat-room.ts'

const opened = { type: 'room.opened', data: { title: 'Emma' } } as const
const adaJoined = { type: 'room.joined', data: { user: 'ada' } } as const
const closed = { type: 'room.closed', data: {} } as const

test('a room is opened once', async () => {
  await given(room).when(open('Emma')).thenAppends(opened)
  await given(room, opened).when(open('Persuasion')).thenThrows(RoomRefuses)
})

test('a member says something, until the room is closed', async () => {
  const said = { type: 'room.said', data: { user: 'ada', text: 'hi' } } as const
  await given(room, opened, adaJoined).when(say('ada', 'hi')).thenAppends(said)
  await given(room, opened, adaJoined, closed)
    .when(say('ada', 'hi'))
    .thenThrows(/may not speak/)
})

test('nothing happens where a member joins again', async () => {
  await given(room, opened, adaJoined).when(join('ada')).thenNothing()
})
// #endregion kit
