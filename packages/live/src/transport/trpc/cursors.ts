import { initTRPC } from '@trpc/server'
import { type CallCursor, contextCursor } from './call-cursor.ts'
import { emptyInputTag, takeCursor } from './carried-input.ts'

/**
 * What live subscriptions begin with, `t.procedure.concat(cursors)`: the cursor that a client reconnects with is taken out of
 * the input before the input's schema sees it. Over WebSockets with `liveSockets` nothing is needed. Over SSE, and without
 * `liveSockets`, it lets every input follow: strict schemas and records, none and null with tRPC's own client, and texts,
 * numbers, arrays, dates and maps with `follow` and `useLiveQuery`.
 */
export const cursors = initTRPC
  .create()
  .procedure.use(async ({ getRawInput, next }) => {
    const { input, cursor, isWrapped } = takeCursor(await getRawInput())
    const taken: CallCursor = { cursor, isWrapped, tag: isWrapped ? undefined : emptyInputTag(input) }
    return next({ ctx: contextCursor.put({}, taken) })
  })
  .use(({ getRawInput, next }) => next({ getRawInput: async () => takeCursor(await getRawInput()).input }))
