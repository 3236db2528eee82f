import { InvalidArgumentError } from 'commander'

/** The value of an option that says how many. */
export function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 10_000) return value
  throw new InvalidArgumentError('It has to be a whole number from 1 to 10,000.')
}
