/** What is wrong with a configuration: where, and why. Several are reported at once. */
import { SwitchError } from '../base/errors.js'

export interface Problem {
  /** 'ofswitchd.yaml:3:5' or '--port 1@p1'. */
  readonly where: string
  /** 'ports[0].number', or '' where `where` says it all. */
  readonly key: string
  readonly reason: string
}

export const formatProblem = ({ where, key, reason }: Problem): string => [where, key, reason].filter((part) => part !== '').join(': ')

/** Thrown at the edge when there is nothing to go on with; `problems` is never empty. */
export class ConfigError extends SwitchError {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super('config.invalid', problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

export type Path = readonly (string | number)[]

/** ['ports', 0, 'number'] → 'ports[0].number' */
export const formatPath = (path: Path): string =>
  path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('')
