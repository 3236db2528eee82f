/** Whoever takes turns: its row says how often. */
interface Lane {
  readonly row: { readonly rounds: number }
}

/**
 * Lets lanes take turns, every other round in reverse, so that those to be compared stay neighbours and nobody always comes
 * second. Rounds are counted from 1; those who have had theirs are left out.
 */
export async function inTurns<TLane extends Lane>(
  lanes: readonly TLane[],
  act: (lane: TLane, round: number) => Promise<void>,
): Promise<void> {
  const rounds = Math.max(...lanes.map(({ row }) => row.rounds))
  for (let round = 1; round <= rounds; round++) {
    const due = lanes.filter(({ row }) => round <= row.rounds)
    for (const lane of round % 2 === 1 ? due : due.toReversed()) await act(lane, round)
  }
}
