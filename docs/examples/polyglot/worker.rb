# ruby worker.rb: writes welcome mails into the folder outbox, in three steps that it tells the server about.
require 'fileutils'
require 'json'
require 'gearman' # gem install gearman-ruby

SERVERS = ENV.fetch('JOB_SERVERS', '127.0.0.1:4730').split(',')
PACE = Float(ENV.fetch('PACE', '1'))
STEPS = 3

worker = Gearman::Worker.new(SERVERS)
worker.add_ability('welcome') do |data, job|
  customer = JSON.parse(data)
  STEPS.times do |step|
    job.report_status(step, STEPS)
    sleep PACE
  end
  FileUtils.mkdir_p('outbox')
  # The same mail under the same name: a job that comes twice does no harm.
  File.write(File.join('outbox', File.basename(customer['email'])), "Welcome, #{customer['name']}!\n")
  'sent'
end
loop { worker.work }
