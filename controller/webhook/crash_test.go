package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/controller/webhook"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/workflow"
)

const (
	childDir   = "DOGEAR_TEST_WEBHOOK_DIR"
	childURL   = "DOGEAR_TEST_WEBHOOK_URL"
	childPause = "DOGEAR_TEST_WEBHOOK_PAUSE"
	childStuck = "DOGEAR_TEST_WEBHOOK_STUCK"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is a session in a process of its own: it pauses at once, hangs in its second step, or completes.
func child(dir string) error {
	store, err := filestore.Open(dir)
	if err != nil {
		return err
	}
	hook, err := webhook.New(webhook.Config{URL: os.Getenv(childURL), Backoff: time.Millisecond})
	if err != nil {
		return err
	}
	first := workflow.NewTask("first", func(context.Context) (int, error) { return 1, nil })
	second := workflow.NewTask("second", func(ctx context.Context) (int, error) {
		if os.Getenv(childStuck) == "" {
			return 2, nil
		}
		resp, err := http.Post(os.Getenv(childURL)+"/stuck", "text/plain", nil) // which kills this process
		if err == nil {
			_ = resp.Body.Close()
		}
		<-ctx.Done()
		return 0, ctx.Err()
	})
	p, err := workflow.New("pair", first, second)
	if err != nil {
		return err
	}
	cfg := workflow.Config{Store: store, Observers: []state.Observer{hook.Observe}, Controller: controller.New()}
	if os.Getenv(childPause) != "" {
		cfg.Controller.Pause("lunch")
	}
	_, runErr := p.Run(context.Background(), "monday", cfg)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := hook.Close(ctx); err != nil {
		return err
	}
	if os.Getenv(childPause) == "" {
		return runErr
	}
	return nil
}

// killer is a receiver that answers the first attempt with 500 and kills the sender at the second.
type killer struct {
	mu    sync.Mutex
	ids   []string
	kill  func() // nil: nobody is killed any more
	stuck bool
}

func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	k.mu.Lock()
	defer k.mu.Unlock()
	id := r.Header.Get("webhook-id")
	switch {
	case id == "":
		k.kill()
	case k.kill == nil || k.stuck:
		k.ids = append(k.ids, id)
	case len(k.ids) == 0:
		k.ids = append(k.ids, id)
		w.WriteHeader(http.StatusInternalServerError)
	default:
		k.ids = append(k.ids, id)
		k.kill()
	}
}

// TestKilledAndResumed: a process that is killed while it delivers, or before there was anything to deliver, and then a resume. No
// event is told under two ids, and none that another process has written is told at all.
func TestKilledAndResumed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  string
		want []int // the ids that came, by their number in order of appearance
	}{
		{"while delivering", childPause, []int{0, 0, 1}},
		{"in a step", childStuck, []int{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := &killer{stuck: c.env == childStuck}
			server := httptest.NewServer(k)
			t.Cleanup(server.Close)
			dir := t.TempDir()
			session := func(env ...string) *exec.Cmd {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), append(env, childDir+"="+dir, childURL+"="+server.URL)...)
				cmd.Stderr = os.Stderr
				return cmd
			}
			killed := session(c.env + "=1")
			k.mu.Lock() // the first request waits until there is a process to kill
			require.NoError(t, killed.Start())
			k.kill = func() { _ = killed.Process.Kill() }
			k.mu.Unlock()
			require.Error(t, killed.Wait())

			k.mu.Lock()
			k.kill = nil
			k.mu.Unlock()
			require.NoError(t, session().Run())
			require.NoError(t, session().Run(), "and once more, with nothing to do")

			k.mu.Lock()
			defer k.mu.Unlock()
			numbers := map[string]int{}
			var got []int
			for _, id := range k.ids {
				if _, known := numbers[id]; !known {
					numbers[id] = len(numbers)
				}
				got = append(got, numbers[id])
			}
			require.Equal(t, c.want, got, k.ids)
		})
	}
}
