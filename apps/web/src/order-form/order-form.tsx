import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { trpc } from '../trpc.ts'
import { euros } from '../words/euros.ts'
import type { Book } from './book.ts'
import { BookSearch } from './book-search.tsx'
import { CustomerChoice } from './customer-choice.tsx'
import { PlacingResult } from './placing-result.tsx'

type OrderInput = Parameters<typeof trpc.orders.place.mutate>[0]

/** Places an order: who, which book, how many. */
export function OrderForm() {
  const [customerId, setCustomerId] = useState('')
  const [book, setBook] = useState<Book>()
  const [quantity, setQuantity] = useState('1')
  const place = useMutation({ mutationFn: (order: OrderInput) => trpc.orders.place.mutate(order) })

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!book || place.isPending) return
    place.mutate({ customerId, bookId: book.id, quantity: Number(quantity) }, { onSuccess: () => setQuantity('1') })
  }

  return (
    <form className="order-form" aria-labelledby="form-title" onSubmit={submit}>
      <h2 id="form-title">Place an order</h2>
      <CustomerChoice customerId={customerId} onChoose={setCustomerId} />
      <BookSearch chosen={book} onChoose={setBook} />
      <div className="field quantity">
        <label htmlFor="quantity">Quantity</label>
        <input
          id="quantity"
          type="number"
          required
          min={1}
          max={20}
          step={1}
          value={quantity}
          onChange={(event) => setQuantity(event.target.value)}
        />
      </div>
      <p className="sum">{book ? <Sum book={book} quantity={Number(quantity)} /> : 'No book chosen yet.'}</p>
      <button type="submit" disabled={place.isPending || !book}>
        Place order
      </button>
      <PlacingResult orderId={place.data?.id} error={place.error} />
    </form>
  )
}

function Sum({ book, quantity }: { readonly book: Book; readonly quantity: number }) {
  return (
    <>
      {quantity} × <cite>{book.title}</cite> <b>{euros(quantity * book.priceCents)}</b>
    </>
  )
}
