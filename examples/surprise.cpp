// SPDX-License-Identifier: MIT
// surprise MODEL IDS: C++ with owners; prints the model's five best guesses after the text, and the
// token that surprised it most.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <vkhrope/vkhrope.h>

namespace {

// A handle of the library: vkh_…_destroy takes the address of the pointer.
template <typename T, void (*release)(T **)> struct Release {
    void operator()(T *object) const { release(&object); }
};
using Model = std::unique_ptr<vkh_model, Release<vkh_model, vkh_model_close>>;
using Device = std::unique_ptr<vkh_device, Release<vkh_device, vkh_device_destroy>>;
using Session = std::unique_ptr<vkh_session, Release<vkh_session, vkh_session_destroy>>;
using Lane = std::unique_ptr<vkh_lane, Release<vkh_lane, vkh_lane_destroy>>;

void check(vkh_status status)
{
    if (status != VKH_OK)
        throw std::runtime_error(vkh_status_text(status));
}

// Calls a function whose last argument is where the object goes.
template <typename Owner, typename Function, typename... Arguments>
Owner make(Function function, Arguments... arguments)
{
    typename Owner::pointer object = nullptr;
    check(function(arguments..., &object));
    return Owner(object);
}

void run(const char *path, const std::vector<int32_t> &ids)
{
    const vkh_log log{[](void *, vkh_log_level, const char *line) { std::cerr << line << '\n'; },
                      nullptr, VKH_LOG_WARNING};
    vkh_device_options device_options{};
    device_options.log = &log;
    const auto model = make<Model>(vkh_model_open, path, &log);
    const auto device = make<Device>(vkh_device_create, &device_options);
    const auto session =
        make<Session>(vkh_session_create, device.get(), model.get(),
                      static_cast<const vkh_session_options *>(nullptr), &log);

    vkh_lane_options lane_options{};
    lane_options.method = "hybrid:cf=1.5";
    lane_options.max_tokens = static_cast<uint32_t>(ids.size());
    const auto lane = make<Lane>(vkh_lane_create, session.get(), &lane_options);

    std::vector<float> nll(ids.size()), logits(vkh_model_get_info(model.get()).vocab);
    const uint32_t last = static_cast<uint32_t>(ids.size()) - 1;
    vkh_feed feed{};
    feed.ids = ids.data();
    feed.n_ids = last + 1;
    feed.nll = nll.data();
    feed.rows = &last;
    feed.n_rows = 1;
    feed.logits = logits.data();
    check(vkh_lane_feed(lane.get(), &feed));

    std::vector<int> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + 5, order.end(),
                      [&](int a, int b) { return logits[a] > logits[b]; });
    std::cout << "next:";
    for (int i = 0; i < 5; i++)
        std::cout << ' ' << order[i];
    const auto worst = std::max_element(nll.begin(), nll.end()) - nll.begin();
    std::cout << "\nsurprise: token " << worst << " " << nll[worst] << " nats\n";
}

} // namespace

int main(int argc, char **argv)
{
    try {
        std::ifstream file(argc == 3 ? argv[2] : "");
        const std::vector<int32_t> ids{std::istream_iterator<int32_t>(file), {}};
        if (ids.empty())
            throw std::runtime_error("usage: surprise MODEL IDS");
        run(argv[1], ids);
        return 0;
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
