package state

// ItemIndex is the position of an item in the list of an Each, from 0; -1 when there is none of this key.
func (st *WorkflowState) ItemIndex(step, key string) int { return st.table(step).find(key) }
