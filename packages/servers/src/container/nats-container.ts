import type { Server } from '../server.ts'
import type { NotHere } from '../server-unavailable.ts'
export async function natsContainer(_: {
  image: string
  mayPull: boolean
  config: string | undefined
}): Promise<Server | NotHere> {
  return { because: 'not yet', mend: 'wait' }
}
