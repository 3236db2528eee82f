const format = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })

/** An amount of money: `€12.40`. */
export function euros(cents: number): string {
  return format.format(cents / 100)
}
