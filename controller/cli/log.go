package cli

import (
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/dogear-go/dogear/state"
)

const (
	flagLogFormat = "log-format"
	logText       = "text"
	logJSON       = "json"
)

const logHelp = "logs on stderr as text, or as json: then every line of stderr is an object with ts, level and msg,\n" +
	"progress lines are left out, and --verbose adds the level debug (default: no logs but with -v)"

// logs begins the logs that the flags ask for, and with JSON makes every line of stderr one.
func (k *kit) logs() error {
	switch k.logFormat {
	case "":
		if k.verbose {
			k.log = logger(k.stderr, logText, zapcore.DebugLevel)
		}
		return nil
	case logText, logJSON:
	default:
		return usagef("--%s must be %s or %s, not %s", flagLogFormat, logText, logJSON, quoteArg(k.logFormat))
	}
	level := zapcore.InfoLevel
	if k.verbose {
		level = zapcore.DebugLevel
	}
	k.log = logger(k.stderr, k.logFormat, level)
	if k.jsonLogs() {
		k.stderr = &lines{k.log}
	}
	return nil
}

// jsonLogs says that stderr holds JSON alone.
func (k *kit) jsonLogs() bool { return k.logFormat == logJSON }

// warnings is a logger for what must be told although no logs were asked for.
func (k *kit) warnings() *zap.Logger {
	if k.log != nil {
		return k.log
	}
	return logger(k.stderr, logText, zapcore.WarnLevel)
}

// logger writes lines from a level on. The names of the JSON fields are stable: ts (RFC 3339, UTC), level, msg, and those that
// package workflow documents.
func logger(w io.Writer, format string, level zapcore.Level) *zap.Logger {
	enc := zap.NewDevelopmentEncoderConfig()
	enc.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	encoder := zapcore.NewConsoleEncoder
	if format == logJSON {
		enc = zap.NewProductionEncoderConfig()
		enc.EncodeTime = func(t time.Time, a zapcore.PrimitiveArrayEncoder) {
			a.AppendString(t.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		enc.EncodeDuration = zapcore.StringDurationEncoder
		encoder = zapcore.NewJSONEncoder
	}
	return zap.New(zapcore.NewCore(encoder(enc), zapcore.Lock(zapcore.AddSync(w)), level))
}

// lines makes a log line of each text that is written.
type lines struct{ log *zap.Logger }

func (l *lines) Write(p []byte) (int, error) {
	if text := strings.TrimSpace(string(p)); text != "" {
		l.log.Info(state.Printable(text))
	}
	return len(p), nil
}

// printError prints how a command failed: a line, or with --log-format json an object.
func printError(cmd *cobra.Command, stderr io.Writer, err error) {
	text := state.Printable(err.Error())
	if f := cmd.PersistentFlags().Lookup(flagLogFormat); f != nil && f.Value.String() == logJSON {
		logger(stderr, logJSON, zapcore.ErrorLevel).Error(text, zap.Int("exit_code", ExitCode(err)))
		return
	}
	_, _ = io.WriteString(stderr, cmd.Name()+": "+text+"\n") // there is nobody left to tell
}
