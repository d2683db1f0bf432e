// Package index finds the passages of a book that answer a question.
//
// [Split] cuts a text into passages, an [Embedder] turns each into a vector, and an [Entry] keeps both in a form that is
// small as JSON. [New] loads entries into an embedded vector store, which lives in memory and can be built again at any
// time for nothing, since the vectors are what cost.
package index
