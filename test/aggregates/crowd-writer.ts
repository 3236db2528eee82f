// Says one thing after the other in room "a", and prints what was answered, until it is killed.
import { openDatabase } from '../fixtures/open-database.ts'
import { createRoom, say } from './room.ts'

const [url = '', name = ''] = process.argv.slice(2)
await using database = openDatabase(`${url}?application_name=crowd-writer`)
const { room } = createRoom(database.db, { snapshot: { every: 4 } })
for (let nth = 0; ; nth++) {
  const text = `${name} ${nth}`
  await room.execute(database.db, 'a', say(text), { attempts: 1_000 })
  process.stdout.write(`${text}\n`)
}
