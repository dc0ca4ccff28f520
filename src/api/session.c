// SPDX-License-Identifier: MIT
#include "api/session.h"

#include <stdlib.h>

#include "base/log.h"
#include "gpu/stream.h"

static enum vkh_status fill(struct vkh_session *session, const struct vkh_session_options *options)
{
    const struct vkh_session *lender = options->weights_of;
    if (lender && (lender->device != session->device || lender->model != session->model))
        return vkh_fail(&session->log, VKH_ERR_ARGUMENT,
                        "session: weights_of is a session of another device or model");
    const struct vkh_graph_wish wish = {
        .chunk = options->chunk,
        .kv = options->kv_type,
        .rows = lender && !vkh_graph_get_plan(lender->graph)->layout.side,
        .compared = true, // for the logits
    };
    const struct vkh_graph_plan plan = vkh_graph_plan(session->device, session->model, &wish);
    if (lender && vkh_graph_get_plan(lender->graph)->layout.side != plan.layout.side)
        return vkh_fail(&session->log, VKH_ERR_ARGUMENT,
                        "session: weights_of is a session on cooperative matrices, which keep keys "
                        "and values in F16: kv_type cannot be F32 beside it");
    const enum vkh_status status = vkh_stream_create(session->device, &session->stream);
    if (status != VKH_OK)
        return status;
    return lender ? vkh_graph_beside(lender->graph, &plan, &session->graph)
                  : vkh_graph_create(session->device, session->stream, session->model, &plan,
                                     &session->graph);
}

enum vkh_status vkh_session_create(struct vkh_device *device, const struct vkh_model *model,
                                   const struct vkh_session_options *options,
                                   const struct vkh_log *log, struct vkh_session **out)
{
    static const struct vkh_session_options defaults;
    *out = NULL;
    struct vkh_session *session = calloc(1, sizeof(*session));
    if (!session)
        return vkh_fail(log, VKH_ERR_MEMORY, "session: out of host memory");
    session->device = device;
    session->model = model;
    if (log)
        session->log = *log;
    const enum vkh_status status = fill(session, options ? options : &defaults);
    if (status != VKH_OK)
        vkh_session_destroy(&session);
    *out = session;
    return status;
}

void vkh_session_destroy(struct vkh_session **pointer)
{
    struct vkh_session *session = pointer ? *pointer : NULL;
    if (!session)
        return;
    vkh_graph_destroy(&session->graph);
    vkh_stream_destroy(&session->stream);
    free(session);
    *pointer = NULL;
}
