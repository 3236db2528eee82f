import { follow } from '@commitcast/client'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import type { ChatRouter } from './typing-server.ts'

// #region client
/** Shows who is typing in a room: every sender of the last three seconds. */
export function watchTyping(url: string, roomId: string, show: (names: readonly string[]) => void) {
  const socket = createWSClient({ url })
  const trpc = createTRPCClient<ChatRouter>({ links: [wsLink({ client: socket })] })
  const typing = new Map<string, ReturnType<typeof setTimeout>>()
  const showAll = () => show([...typing.keys()])
  const stop = follow(
    trpc.messages,
    { roomId },
    {
      onHint({ data: { name } }) {
        clearTimeout(typing.get(name))
        typing.set(
          name,
          setTimeout(() => typing.delete(name) && showAll(), 3_000),
        )
        showAll()
      },
    },
  )
  return { stop, close: () => socket.close(), sayTyping: () => trpc.typing.mutate({ roomId }) }
}
// #endregion client
