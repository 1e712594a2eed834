/*
 * The routes. docs/openapi.json has the same ones; tests/unit/serve compares.
 */
#include "runtime/serve/serve_internal.h"

#define RUN "/api/v1/runs/{run}"

const struct route rbk_routes[] = {
    {"GET", "/healthz", ACCESS_ANYBODY, rbk_get_health, 0},
    {"GET", "/metrics", ACCESS_LOCAL, rbk_get_metrics, 0},
    {"POST", "/api/v1/alerts", ACCESS_ALERTS, rbk_post_alerts, RBK_SERVE_ALERTS_BYTES_MAX},
    {"GET", "/api/v1/openapi.json", ACCESS_READ, rbk_get_openapi, 0},
    {"GET", "/api/v1/me", ACCESS_READ, rbk_get_me, 0},
    {"GET", "/api/v1/runs", ACCESS_READ, rbk_get_runs, 0},
    {"GET", RUN, ACCESS_READ, rbk_get_run, 0},
    {"GET", RUN "/machine", ACCESS_READ, rbk_get_plan, 0},
    {"GET", RUN "/events", ACCESS_READ, rbk_get_events, 0},
    {"GET", RUN "/evidence", ACCESS_READ, rbk_get_evidence, 0},
    {"GET", RUN "/evidence/{id}", ACCESS_READ, rbk_get_one_evidence, 0},
    {"GET", RUN "/questions", ACCESS_READ, rbk_get_questions, 0},
    {"GET", RUN "/stream", ACCESS_READ, rbk_get_stream, 0},
    {"GET", RUN "/requests/{id}", ACCESS_READ, rbk_get_request, 0},
    {"POST", RUN "/answers", ACCESS_ASK, rbk_post_answer, RBK_SERVE_BODY_BYTES_MAX},
    {"POST", RUN "/commands", ACCESS_ASK, rbk_post_command, RBK_SERVE_BODY_BYTES_MAX},
};
const size_t rbk_route_count = RBK_COUNT(rbk_routes);

enum MHD_Result rbk_get_health(struct request *request)
{
    if (request->server->store_failed) {
        return rbk_reply_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                                 "the store cannot be written to");
    }
    return rbk_reply_json(request, MHD_HTTP_OK,
                          json_pack("{s:s, s:s}", "status", "ok", "version", RBK_VERSION));
}

enum MHD_Result rbk_get_openapi(struct request *request)
{
    return rbk_reply_text(request, MHD_HTTP_OK, "application/json", rbk_serve_openapi());
}
