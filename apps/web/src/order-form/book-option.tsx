import { euros } from '../words/euros.ts'
import type { Book } from './book.ts'

interface BookOptionProps {
  readonly book: Book
  readonly isChosen: boolean
  readonly onChoose: (book: Book) => void
}

/** One book on the shelf. */
export function BookOption({ book, isChosen, onChoose }: BookOptionProps) {
  return (
    <label className="book">
      <input type="radio" name="book" value={book.id} checked={isChosen} onChange={() => onChoose(book)} />
      <cite>{book.title}</cite>
      <span className="price">{euros(book.priceCents)}</span>
      <span className="about">
        {book.author}. {book.publisher}, {book.year}
      </span>
    </label>
  )
}
