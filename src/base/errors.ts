/**
 * The one base class of errors that are thrown. A refused request is a returned value, never one of these: what is
 * thrown concerns I/O, the operator's input at the edges, or a mistake of ours ('bug').
 */

export const errorFamilies = ['config', 'channel', 'target', 'process', 'bug'] as const
export type ErrorFamily = (typeof errorFamilies)[number]
/** 'config.file', 'channel.addressInUse', 'target.lost' … */
export type ErrorCode = `${ErrorFamily}.${string}`

export class SwitchError extends Error {
  override readonly name: string = 'SwitchError'
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
  }
}

/** The message of anything that was thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown)
  return text.replace(/\s*\n\s*/g, '; ')
}

/** 'ECONNREFUSED' of a system error, or null. */
export function systemCode(thrown: unknown): string | null {
  const code = (thrown as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : null
}
