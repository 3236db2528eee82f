import type { Contender } from './contender.ts'
import { commitcast } from './contenders/commitcast.ts'
import { raw } from './contenders/raw.ts'
import { socketio } from './contenders/socketio.ts'
import { vanilla } from './contenders/vanilla.ts'

export const contenders = {
  commitcast: commitcast('trpc'),
  raw,
  vanilla: vanilla('trpc'),
  socketio,
  commitcastSse: commitcast('sse'),
  vanillaSse: vanilla('sse'),
} satisfies Record<string, Contender>

export type ContenderName = keyof typeof contenders
