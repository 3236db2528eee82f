import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { trpc } from '../trpc.ts'
import type { Book } from './book.ts'
import { BookOption } from './book-option.tsx'
import { ReadingTrouble } from './reading-trouble.tsx'
import { useDebounced } from './use-debounced.ts'

interface BookSearchProps {
  readonly chosen: Book | undefined
  readonly onChoose: (book: Book) => void
}

/** Finds books by title or author, and lets the reader choose one. */
export function BookSearch({ chosen, onChoose }: BookSearchProps) {
  const [text, setText] = useState('')
  const search = useDebounced(text.trim(), 250)
  const books = useQuery({
    queryKey: ['books', search],
    queryFn: ({ signal }) => trpc.books.query({ search }, { signal }),
    placeholderData: keepPreviousData,
  })
  return (
    <div className="field">
      <label htmlFor="book-search">Book</label>
      <input
        id="book-search"
        type="search"
        placeholder="Title or author"
        autoComplete="off"
        maxLength={100}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <ReadingTrouble query={books} />
      {books.data?.length === 0 && <p className="hint">No book like that on our shelves.</p>}
      {books.data && books.data.length > 0 && (
        <fieldset className="shelf" aria-busy={books.isPlaceholderData}>
          <legend className="unseen">Books found</legend>
          {books.data.map((book) => (
            <BookOption key={book.id} book={book} isChosen={book.id === chosen?.id} onChoose={onChoose} />
          ))}
        </fieldset>
      )}
    </div>
  )
}
