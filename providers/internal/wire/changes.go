package wire

import "context"

// Changes are what a request is to hold that its client can't say. They travel in the request's context.
type Changes struct {
	Fields []Field // to be added
	Join   bool    // messages of one role that follow on each other become one
	Window int     // Ollama's num_ctx; zero: the server's own

	Unsampled bool // the model takes neither temperature nor top-p nor top-k
}

type changesKey struct{}

// WithChanges returns a context below which requests are changed so.
func WithChanges(ctx context.Context, c Changes) context.Context {
	return context.WithValue(ctx, changesKey{}, c)
}

func changesFrom(ctx context.Context) Changes {
	c, _ := ctx.Value(changesKey{}).(Changes)
	return c
}
