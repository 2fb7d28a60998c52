/** Why a saved machine is refused: a phrase that goes on from the name of its file, such as "is truncated: ...". */
export class SavedStateError extends Error {}
