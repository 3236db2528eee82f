import type { Server } from '../server.ts'
import type { NotHere } from '../server-unavailable.ts'
export async function postgresContainer(_: {
  image: string
  mayPull: boolean
  settings: Readonly<Record<string, string>>
}): Promise<Server | NotHere> {
  return { because: 'not yet', mend: 'wait' }
}
