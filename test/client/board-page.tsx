import { commandLink, liveConnection } from '@commitcast/client'
import { useConnection, useLiveMutation, useLiveQuery } from '@commitcast/client/react'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import { Component, type ReactNode, StrictMode, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import superjson from 'superjson'
import type { BoardRouter } from './board-router.ts'

declare global {
  interface Window {
    /** What was shown, and in which frame. */
    commits: { readonly frame: number; readonly notes: readonly string[]; readonly status: string }[]
  }
}

const address = new URLSearchParams(location.search).get('board')
const socket = createWSClient(liveConnection({ url: `ws://${address}`, retryDelayMs: () => Math.random() * 50 }))
const trpc = createTRPCClient<BoardRouter>({
  links: [commandLink(), wsLink({ client: socket, transformer: superjson })],
})

window.commits = []
let frame = 0
const count = () => {
  frame++
  requestAnimationFrame(count)
}
requestAnimationFrame(count)

function Board() {
  const [isReversed, setReversed] = useState(false)
  const board = useLiveQuery(isReversed ? trpc.reversed : trpc.notes, undefined, {
    'note.added'(notes, { data }) {
      if (data.text === 'broken') throw new Error('The page can not show that.')
      return [...notes, data.text]
    },
  })
  const add = useLiveMutation(board, trpc.add, { expect: (notes, { text }) => [...notes, `${text}?`] })
  const { status, lagMs, resyncs } = useConnection()
  const notes = board.state ?? []
  useEffect(() => {
    window.commits.push({ frame, notes, status })
  })
  const press = (text: string) => add.mutate({ id: crypto.randomUUID(), text })
  return (
    <main data-status={status} data-lag={lagMs} data-resyncs={resyncs} data-count={notes.length}>
      <button type="button" onClick={() => press('mine')}>
        Add
      </button>
      <button type="button" onClick={() => setReversed(!isReversed)}>
        Reverse
      </button>
      <button type="button" onClick={() => press('refused')}>
        Add refused
      </button>
      <p data-pending={add.isPending}>
        {add.error instanceof Error ? add.error.message : (add.answer?.id ?? 'nothing')}
      </p>
      <ol>
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ol>
    </main>
  )
}

class Boundary extends Component<{ readonly children: ReactNode }, { readonly words?: string }> {
  override state: { readonly words?: string } = {}
  static getDerivedStateFromError(error: Error) {
    return { words: error.message }
  }
  override render() {
    return this.state.words === undefined ? this.props.children : <p role="alert">{this.state.words}</p>
  }
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Boundary>
      <Board />
    </Boundary>
  </StrictMode>,
)
