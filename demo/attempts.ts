/** The attempts of all customers to have something counted, as they ended. An attempt is one HTTP request of the client. */
export class Attempts {
  all = 0
  /** Broke off: the connection ended or the answer was late, after the request may have been sent; or a balancer said so. */
  broken = 0
  /** Answered that nothing was counted, or not yet on as many disks as were asked for; or there was nobody to connect to. */
  refused = 0
  /** Answered after a balancer had given the request to more than one node. */
  redispatched = 0

  /** The global `fetch`, watched. */
  readonly fetch: typeof fetch = async (input, init) => {
    this.all++
    try {
      const answer = await fetch(input, init)
      if (answer.headers.has('tallymesh-repeated')) this.redispatched++
      if (answer.status === BAD_GATEWAY) this.broken++
      else if (!answer.ok) this.refused++
      return answer
    } catch (error) {
      if (isConnectionRefused(error)) this.refused++
      else this.broken++
      throw error
    }
  }
}

const BAD_GATEWAY = 502

function isConnectionRefused(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: unknown } }
  return cause?.code === 'ECONNREFUSED'
}
