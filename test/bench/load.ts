/** What a load generator can be asked to do; every method takes and returns plain data, because it runs in another process. */
export interface Load {
  /** Removes all flows. */
  clear(): Promise<void>
  /** `count` flows of their own at once and one barrier. */
  pipelined(task: { first: number; count: number; tables: number }): Promise<number>
  /** One flow at a time; the time of each. */
  single(task: { count: number }): Promise<number[]>
  /** Packets from the controller through the tables to the controller. */
  loop(task: { count: number; window: number }): Promise<number>
  /** Packet-in → flow and packet. */
  reactive(task: { count: number; window: number }): Promise<number>
  close(): void
}
