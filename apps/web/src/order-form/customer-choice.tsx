import { useQuery } from '@tanstack/react-query'
import { trpc } from '../trpc.ts'
import { ReadingTrouble } from './reading-trouble.tsx'

interface CustomerChoiceProps {
  readonly customerId: string
  readonly onChoose: (customerId: string) => void
}

/** Who orders. */
export function CustomerChoice({ customerId, onChoose }: CustomerChoiceProps) {
  const customers = useQuery({ queryKey: ['customers'], queryFn: () => trpc.customers.query(), staleTime: Infinity })
  return (
    <div className="field">
      <label htmlFor="customer">Customer</label>
      <select id="customer" required value={customerId} onChange={(event) => onChoose(event.target.value)}>
        <option value="">Choose a customer</option>
        {customers.data?.map(({ id, name, city }) => (
          <option key={id} value={id}>
            {name}, {city}
          </option>
        ))}
      </select>
      <ReadingTrouble query={customers} />
    </div>
  )
}
