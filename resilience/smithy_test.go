package resilience

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The errors of AWS's clients, by what their types can do: smithy.OperationError around http.ResponseError around an APIError.
type (
	awsResponse struct {
		status int
		err    error
	}
	awsAPI struct{ code, message string }
)

func (e *awsResponse) Error() string {
	return fmt.Sprintf("https response error StatusCode: %d, RequestID: 429, %v", e.status, e.err)
}
func (e *awsResponse) Unwrap() error       { return e.err }
func (e *awsResponse) HTTPStatusCode() int { return e.status }
func (e *awsAPI) Error() string            { return "api error " + e.code + ": " + e.message }
func (e *awsAPI) ErrorCode() string        { return e.code }
func (e *awsAPI) ErrorMessage() string     { return e.message }

// TestSmithyErrors: AWS's typed errors have the class of their code, their message and their status.
func TestSmithyErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status        int
		code, message string
		want          Class
	}{
		{429, "ThrottlingException", "Too many requests, please wait before trying again.", RateLimit},
		{429, "ThrottlingException", "Too many tokens per day, please wait before trying again.", Quota},
		{400, "ServiceQuotaExceededException", "…", Quota},
		{408, "ModelTimeoutException", "…", Timeout},
		{429, "ModelNotReadyException", "…", Overloaded},
		{424, "ModelErrorException", "…", Server},
		{424, "ModelStreamErrorException", "…", Server},
		{400, "ValidationException", "Input is too long for requested model.", ContextLength},
		{400, "ValidationException", "Too many input tokens. Max input tokens: 8192", ContextLength},
		{400, "ValidationException", "Malformed input request", InvalidRequest},
		{403, "AccessDeniedException", "You don't have access to the model with the specified model ID.", Permission},
		{403, "ExpiredTokenException", "…", Auth},
		{403, "UnrecognizedClientException", "The security token included in the request is invalid.", Auth},
		{404, "ResourceNotFoundException", "Could not resolve the foundation model", NotFound},
		{503, "ServiceUnavailableException", "…", Overloaded},
		{500, "InternalServerException", "…", Server},
		{0, "ThrottlingException", "…", RateLimit}, // inside a stream: no answer of its own
		{0, "InternalServerException", "…", Server},
	} {
		api := error(&awsAPI{c.code, c.message})
		err := fmt.Errorf("operation error Bedrock Runtime: InvokeModel, %w", &awsResponse{c.status, api})
		require.Equal(t, c.want, Classify(err), "%v", err)
		require.Equal(t, c.want, Classify(fmt.Errorf("stream: %w", &awsResponse{c.status, api})), "%v", err)
		if c.status == 0 {
			require.Equal(t, c.want, Classify(api), "%v", api)
		}
	}
	require.Equal(t, Canceled, Classify(&awsResponse{0, context.Canceled}), "nothing was answered")
	require.Equal(t, Timeout, Classify(&awsResponse{0, context.DeadlineExceeded}))
	require.Equal(t, Overloaded, Classify(&awsResponse{503, errors.New("x")}), "by the status alone")
}
