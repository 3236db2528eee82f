/** How often each sender may send. Keeps a bounded number of senders in mind. */
export interface HintRate {
  /** Whether this sender may send one more now; that one is counted. */
  take(sender: string): boolean
}

export interface HintRateOptions {
  /** How many hints a second for each sender, and how many at once after a rest. */
  readonly perSecond: number
  /** How many senders are kept in mind, those who sent last. Default 10,000. */
  readonly maxSenders?: number
  /** In ms. */
  readonly now?: () => number
}

interface Allowance {
  readonly left: number
  readonly at: number
}

export function createHintRate(options: HintRateOptions): HintRate {
  const { perSecond, maxSenders = 10_000, now = () => performance.now() } = options
  const allowances = new Map<string, Allowance>()

  const leftOf = (sender: string, at: number) => {
    const before = allowances.get(sender)
    return before ? Math.min(perSecond, before.left + ((at - before.at) * perSecond) / 1_000) : perSecond
  }

  return {
    take(sender) {
      const at = now()
      const left = leftOf(sender, at)
      const mayPass = left >= 1
      // Behind all others: the first is then who was silent longest.
      allowances.delete(sender)
      allowances.set(sender, { left: mayPass ? left - 1 : left, at })
      if (allowances.size > maxSenders) allowances.delete(allowances.keys().next().value!)
      return mayPass
    },
  }
}
