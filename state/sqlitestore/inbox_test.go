package sqlitestore

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// holdUp begins a transaction in a store and holds it until release is closed.
func holdUp(t *testing.T, s *Store, release chan struct{}) (ended chan error) {
	t.Helper()
	begun, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.commits.commit(&op{alone: true, do: func(*conn) error { close(begun); <-release; return nil }})
	}()
	<-begun
	return ended
}

// untilLine returns once somebody leads in a store, and so many wait behind him.
func untilLine(s *Store, waiting int) {
	for {
		s.commits.mu.Lock()
		there := s.commits.leading && len(s.commits.waiting) == waiting
		s.commits.mu.Unlock()
		if there {
			return
		}
	}
}

// leave writes something, and ends the context once so many wait in line.
func leave(t *testing.T, s *Store, waiting int, write func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wrote := make(chan error, 1)
	go func() { wrote <- write(ctx) }()
	untilLine(s, waiting)
	cancel()
	require.ErrorIs(t, <-wrote, context.Canceled)
}

// TestInboxIsLeftWhileOthersWrite: whoever asks waits no longer than his context while another process, or another of
// this one, is writing; what he has left is not done later on, and those who wait behind him get what they want.
func TestInboxIsLeftWhileOthersWrite(t *testing.T) {
	t.Parallel()
	for _, process := range []string{"this", "another"} {
		s := newStore(t)
		j := start(t, s, "a")
		first, second := state.Request{Kind: state.AskApprove, Step: "1"}, state.Request{Kind: state.AskApprove, Step: "2"}
		require.NoError(t, s.Ask(t.Context(), "a", first))
		list, err := s.Requests(t.Context(), "a")
		require.NoError(t, err)
		first = list[0]

		holder, behind := s, 1
		if process == "another" {
			holder, behind = openStore(t, s.File()), 0 // the first of the line leads, and waits for the database
		}
		release := make(chan struct{})
		ended := holdUp(t, holder, release)
		leave(t, s, behind, func(ctx context.Context) error { return s.Ask(ctx, "a", state.Request{Kind: state.AskPause}) })
		leave(t, s, behind+1, func(ctx context.Context) error { _, err := s.Done(ctx, "a", first, false); return err })
		appended, asked := make(chan error, 1), make(chan error, 1)
		go func() { appended <- j.Append(t.Context(), number(1, item("1", "x")), true) }()
		go func() { asked <- s.Ask(t.Context(), "a", second) }()
		untilLine(s, behind+3)
		close(release)
		require.NoError(t, <-ended)
		require.NoError(t, <-appended)
		require.NoError(t, <-asked)
		list, err = s.Requests(t.Context(), "a")
		require.NoError(t, err)
		require.Len(t, list, 2, process)
		require.Equal(t, []string{"1", "2"}, []string{list[0].Step, list[1].Step})
		require.EqualValues(t, 2, j.Last())
	}
}

// TestWriteThatHasBegunIsWaitedFor: a context that ends in the midst of the transaction changes nothing: it is written,
// and says so; also when it is begun a second time, because another had to be taken out of it.
func TestWriteThatHasBegunIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	require.NoError(t, start(t, s, "a").Close())
	release := make(chan struct{})
	ended := holdUp(t, s, release)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	written, refused := make(chan error, 1), make(chan error, 1)
	go func() {
		written <- s.commits.commitWithin(ctx, &op{sync: true, do: func(c *conn) error {
			cancel()
			return c.run("INSERT INTO requests (run, kind, stale, body) VALUES (1, 'pause', '', '{}')")
		}})
	}()
	untilLine(s, 1)
	go func() { refused <- s.commits.commit(&op{do: func(*conn) error { return context.DeadlineExceeded }}) }()
	untilLine(s, 2)
	close(release)
	require.NoError(t, <-ended)
	require.NoError(t, <-written)
	require.ErrorIs(t, <-refused, context.DeadlineExceeded)
	require.Equal(t, 1, s.count(t, "SELECT count(*) FROM requests"))
}
